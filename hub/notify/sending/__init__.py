"""What each service needs beside title and text. Only `hub/notify/sender.py` uses it."""
