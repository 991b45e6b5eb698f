"""`make bench`: tfdriver beside a script of the three phases and beside one root with all credentials."""
