#!/bin/sh
# SPDX-License-Identifier: MIT
# The shim's shared parts under all schedules within bounds; see tests/model/model.h.
exec "${BUILD:-build}/model/model"
