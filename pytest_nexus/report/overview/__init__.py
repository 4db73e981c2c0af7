"""Show the facts of a history on one screen. In: the facts of a dashboard; out: styled lines."""
