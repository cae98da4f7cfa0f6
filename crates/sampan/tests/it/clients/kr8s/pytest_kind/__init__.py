"""Stands where pytest-kind stands in the suite of kr8s: the cluster is there already."""
