"""Share runs through PostgreSQL: runs of one history in, runs that another history lacks out."""
