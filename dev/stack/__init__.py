"""Cluster, emulated cloud and operator as one thing to start and stop.

`make up`, `make down`, `make env` (`background.py`), `make demo` (`demo/`), and the fixtures of the
end-to-end tests are all built on `Stack`.
"""
