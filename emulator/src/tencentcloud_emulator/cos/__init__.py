"""COS: the XML API over an in-process store.

`service.py` is one call from beginning to end; `request.py` reads it, `identity.py` and
`signing.py` tell who sent it, `operations.py` is the table of what there is. The handlers are in
`objects.py`, `copying.py`, `multipart.py`, `buckets.py`, `bucket_config.py` and `acl.py`; they
work on `store.py`, whose bytes are in `body.py` and whose keys are in `keys.py`.
"""
