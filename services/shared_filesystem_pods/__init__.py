"""Gives pods their folders again after the client of the shared filesystem has died.

A pod has a bind of a folder of the mount, and that stays with the mount it was made of, also when another one has taken
its place. Whoever mounts the filesystem anew runs this: in every mount namespace of the host it puts the same folder of
the new mount where one of the dead mount was, with the same restrictions. Files that are open stay dead; who opens them
again goes on. The usual way, a bind of the mount's parent with propagation, would show each pod the folders of all.
"""
