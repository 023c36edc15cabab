#include "ipc/lane.h"
