"""The operators' console: who may log in, what each may do, its pages. Off unless `web.console` is set."""
