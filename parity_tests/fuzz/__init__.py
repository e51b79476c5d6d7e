"""Files from strangers: what the readers do with files that are damaged, or made to do damage.

``python -m parity_tests.fuzz`` makes files by the thousand and reads them. A right file must give
its contents. Any other must give them too or be refused with an error of the library's own, in
little time and memory: no other exception, no warning, no crash.

The files are made in the way of their format, and damaged there: most bytes of an archive stand
behind a checksum, and what changes bytes alone hardly ever comes past it.
"""
