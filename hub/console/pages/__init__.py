"""The pages that operators look at, one file a page."""
