"""A queue of tests in a database: jobs claim units under a lease, and hand in what is done."""
