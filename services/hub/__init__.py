"""The hub of a site: JupyterHub whose users are the site's accounts and whose servers are pods in their namespaces.

A login asks the identity provider who it is (``authenticator``) and the site's database which number that is
(``identity``). A session is a pod in the account's own namespace with its folders (``spawner``), and what it may be is
said by the inventory (``settings``, ``choices``). What is free is read from the cluster (``cluster``,
``availability``). ``upkeep`` ends sessions of accounts that have been disabled and removes pods that nobody knows.
"""
