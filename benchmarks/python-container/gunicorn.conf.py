"""Settings of gunicorn: a worker for each CPU, each with a thread that can answer /ping while the other scores."""

import os

bind = f"0.0.0.0:{os.environ.get('SAGEMAKER_BIND_TO_PORT', '8080')}"
workers = int(os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS", "0")) or len(os.sched_getaffinity(0))
worker_class = "gthread"  # "sync", the default, closes the connection after each request
threads = 2
keepalive = 75
timeout = 600
preload_app = True  # workers share the memory of pandas and model
worker_tmp_dir = "/dev/shm"
loglevel = "warning"
