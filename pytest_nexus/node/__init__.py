"""Take a session's model from where it was deployed: verify, choose, keep the last good one."""
