"""Who is who: numbers for accounts and groups, and their folders in the shared filesystem.

An account is an issuer and a subject, as a token says them; its name may change, and may be another one's later. A
number is given once and never again. What is wanted stands in a database that confirms each commit on a second host;
each host with this program makes the folders what the database says, one of them at a time for each folder.
"""
