"""A real Kubernetes for development and tests: etcd, kube-apiserver, kube-controller-manager.

The programs are built from their published Go modules (`build.py`) and run as plain processes on
free ports of the loopback address (`cluster.py`), after the pattern of controller-runtime's
envtest. No container engine, no root.
"""
