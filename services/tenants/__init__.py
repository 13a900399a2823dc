"""Gives each account of the site a namespace of its own, with its folders in it and nobody else's.

Two barriers keep researchers apart, and either would do for a well-behaved pod. A pod reaches the folders for which its
namespace has claims, and no others: volumes are made here, each for one claim, and hostPath is refused by Pod Security.
And it runs as the number of its account: an admission policy reads that from the namespace, which no researcher writes.
The first barrier holds even against an image whose own /etc/group adds groups, which the second cannot see.

Whoever has left has no rights and no pods; the namespace itself goes when the home is removed. An account that the
database does not know keeps its namespace: the database may be the one that forgot.
"""
