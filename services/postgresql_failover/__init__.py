"""Decides who leads a PostgreSQL cluster: no acknowledged commit is lost, and no two servers acknowledge at once.

Who leads is a lease in etcd. The servers are moved by PostgreSQL's own means: promotion, streaming, pg_rewind and
pg_basebackup.

Two independent things keep the promise:

1. **Quorum.** A commit is acknowledged once the primary and `n` of its `N` listed standbys have it on disk. Before
   anybody is promoted, standbys *cut themselves off*: they stop receiving, durably, and only then tell how far they
   are. A candidate needs the former primary or `N - n + 1` listed standbys cut off, itself among them, and must be the
   most advanced of them. Any such set holds every acknowledged commit, and what is left outside of it is too few to
   confirm another one. This needs no clock. A standby confirms for one leadership, under a name that says which, and
   only once its log is known to be a part of the leader's: PostgreSQL itself believes any standby how far it is.
2. **Time.** A primary that cannot renew its lease stops itself within `T1`, on its own monotonic clock, before the
   lease ends (`T2 > T1`), so that clients of a primary that is alone soon get an error in place of a commit that hangs.

What commits rely on may change with the declaration and with every leader. Candidates count with the old and the new
until all that was written before is confirmed under the new one.

Each leadership has a *term*, a number that grows with every change of leader.
"""
