"""Tencent Cloud API 3.0: signatures, dispatch, and the services cvm and sts."""
