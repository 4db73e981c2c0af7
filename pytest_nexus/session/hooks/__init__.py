"""Call the hooks of users around a session: plan, dependencies, reruns."""
