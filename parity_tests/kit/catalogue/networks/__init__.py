"""Small networks as learners write them, one file for each shape in which they occur.

They are read as text: `parity_tests.kit.catalogue.planting` plants a fault in it and executes it.
"""
