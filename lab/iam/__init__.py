"""The lab's OpenID provider: a real one that is small, in the place of a site's INDIGO IAM."""
