"""Turn scores into classes: labels, the winner's score, the scores of both classes. No GIL while it works."""


def apply_threshold(probabilities, double threshold):
    """Turn probabilities into classes, in place: 1 above the threshold, 0 otherwise, NaN where there is none.

    Parameters
    ----------
    probabilities : writable buffer of format ``d``
    threshold : float
    """
    cdef double[::1] values = probabilities
    cdef Py_ssize_t i
    with nogil:
        for i in range(values.shape[0]):
            if values[i] == values[i]:
                values[i] = values[i] > threshold


def find_winners(scores, labels, best):
    """Find the class with the highest score of each row, the first of equals; NaN if a score is NaN.

    Parameters
    ----------
    scores : buffer of format ``d``, n_rows * n_classes items
    labels, best : writable buffers of format ``d``, n_rows items
        Get the classes and their scores.
    """
    cdef const double[::1] values = scores
    cdef double[::1] classes = labels
    cdef double[::1] highest = best
    cdef Py_ssize_t n_rows = min(classes.shape[0], highest.shape[0])
    cdef Py_ssize_t n_classes = values.shape[0] // n_rows if n_rows else 0
    cdef Py_ssize_t i, j
    cdef double value
    with nogil:
        for i in range(n_rows):
            for j in range(n_classes):
                value = values[i * n_classes + j]
                if j == 0 or value > highest[i]:
                    classes[i], highest[i] = j, value
                if value != value:
                    classes[i] = highest[i] = value
                    break


def pair_scores(scores, double total, pairs):
    """Write the score of the first of two classes, `total` less that of the second, before that of the second.

    Parameters
    ----------
    scores : buffer of format ``d``, n_rows items
    total : float
        1 for probabilities, 0 for raw scores.
    pairs : writable buffer of format ``d``, 2 * n_rows items
    """
    cdef const double[::1] values = scores
    cdef double[::1] written = pairs
    cdef Py_ssize_t i
    with nogil:
        for i in range(min(values.shape[0], written.shape[0] // 2)):
            written[2 * i] = total - values[i]
            written[2 * i + 1] = values[i]
