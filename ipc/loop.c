#include "ipc/loop.h"
