"""The embedded model: SmolLM2-135M-Instruct, served by llama.cpp on a Unix socket of this installation.

It makes the main job run with no account and no network. It is small: it talks, but knows little and its Chinese is
poor. `guiju up --upstream URL --model M` puts a real one in its place. The gateway treats it like any other upstream.
"""
