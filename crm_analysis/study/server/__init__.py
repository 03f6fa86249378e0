"""Tables that lie in a database server: found, typed, checked where they are, never changed."""
