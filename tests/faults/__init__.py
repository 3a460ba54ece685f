"""Tests of single faults: a module ``test_<fault>`` each.

Its ``CASES`` (``tests.fault_cases``) join those of the tests that try every fault.
"""
