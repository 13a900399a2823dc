"""Proves that the last backup of a PostgreSQL cluster can be restored, on the host that keeps the repository.

The backup and the archived log behind it are restored into a scratch folder, where a server replays them. It listens
on a socket in that folder alone, archives nothing, and becomes a primary of its own at the log's end, which is what a
cluster that is lost would come back as. Then its databases, tables, indexes and pages are looked at. Whatever happens,
server and folder are gone afterwards; what is left is a report.
"""
