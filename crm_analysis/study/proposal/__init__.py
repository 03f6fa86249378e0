"""Own files -> a study.toml: what each file is, what each column means, and what is unsure."""
