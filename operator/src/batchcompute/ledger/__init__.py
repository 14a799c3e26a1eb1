"""The ledger: every decision that cannot be taken back, before it is carried out.

An append-only sequence of small Secrets in the operator's namespace. The API server's
409 on the next number is the fence against an old leader (protocols.md, R1 to R5).
"""
