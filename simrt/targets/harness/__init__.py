"""What targets with the real server and client share: members, callers, credentials.

Used by the targets `server` (processes, sockets, real time) and `app` (one process, virtual time).
"""
