"""What targets with the real server and client share: members, callers, credentials, troubles.

Used by the targets `server` (processes, sockets, real time) and `app` (one process, virtual time).
"""
