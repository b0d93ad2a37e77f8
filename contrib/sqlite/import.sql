-- SPDX-FileCopyrightText: The sockline authors
-- SPDX-License-Identifier: Apache-2.0
.mode ascii
.separator "\037" "\n"
.import sockline.ndjson records
