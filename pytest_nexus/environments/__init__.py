"""Judge environments by what the tests use of them: keys of caches, reports, requirements."""
