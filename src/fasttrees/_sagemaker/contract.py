"""Constants of SageMaker's contract with containers, each once; imports nothing.

Sources, named below by the words in brackets:

- [guide] Amazon SageMaker AI Developer Guide, https://docs.aws.amazon.com/sagemaker/latest/dg/, by page:
  your-algorithms-inference-code, your-algorithms-batch-code, your-algorithms-training-algo-output,
  your-algorithms-training-algo-running-container, inference-pipeline-real-time, build-multi-model-build-container,
  cdf-inference.
- [API] Amazon SageMaker API Reference, https://docs.aws.amazon.com/sagemaker/latest/APIReference/, by operation.
- [toolkit] AWS's own containers, github.com/aws/sagemaker-inference-toolkit, parameters.py: users set these already.
"""

MEGABYTE = 1 << 20  # bytes; the unit of MaxPayloadInMB

# Paths in the container.
ROOT = "/opt/ml"  # [guide] training-algo-running-container
MODEL_DIRECTORY = f"{ROOT}/model"  # [guide] inference-code: read-only, unpacked from ModelDataUrl
MODELS_DIRECTORY = f"{ROOT}/models"  # [guide] build-multi-model-build-container
FAILURE_FILE = f"{ROOT}/output/failure"  # [guide] training-algo-output
FAILURE_LENGTH = 1024  # characters of that file that become FailureReason; [guide] training-algo-output

# Routes of a serving container, and its port. [guide] inference-code, batch-code
PORT = 8080
PING = "/ping"
INVOCATIONS = "/invocations"
EXECUTION_PARAMETERS = "/execution-parameters"

# Environment variables.
BIND_TO_PORT = "SAGEMAKER_BIND_TO_PORT"  # [guide] inference-pipeline-real-time
MULTI_MODEL = "SAGEMAKER_MULTI_MODEL"  # [guide] build-multi-model-build-container
BATCH = "SAGEMAKER_BATCH"  # this and the next three: [guide] batch-code
BATCH_STRATEGY = "SAGEMAKER_BATCH_STRATEGY"
MAX_CONCURRENT_TRANSFORMS = "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"
MAX_PAYLOAD_IN_MB = "SAGEMAKER_MAX_PAYLOAD_IN_MB"
MODEL_SERVER_WORKERS = "SAGEMAKER_MODEL_SERVER_WORKERS"  # [toolkit]
INFERENCE_OUTPUT = "SAGEMAKER_INFERENCE_OUTPUT"  # of the built-in XGBoost container

# Batch Transform. [API] CreateTransformJob: MaxPayloadInMB, MaxConcurrentTransforms, BatchStrategy, ModelClientConfig
MAX_PAYLOAD_MB = 100  # of one request, and of all requests at the same time together
DEFAULT_PAYLOAD_MB = 6
DEFAULT_CONCURRENT = 1
STRATEGIES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}  # in the API; in variables and answers
DEFAULT_STRATEGY = "MultiRecord"
INVOCATION_TIMEOUT = 600  # seconds, by default
MAX_INVOCATION_TIMEOUT = 3600
MAX_RETRIES = 3  # also the default

# Seconds. [guide] inference-code
PING_TIMEOUT = 2
ENDPOINT_TIMEOUT = 60  # for an answer of an endpoint
STOP_TIMEOUT = 30  # between SIGTERM and SIGKILL

# Media types. [guide] cdf-inference
CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
LIBSVM = "text/libsvm"
X_LIBSVM = "text/x-libsvm"
X_JSON_LINES = "application/x-jsonlines"
NPY = "application/x-npy"
