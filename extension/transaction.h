// Transactions of background processes.
#pragma once

namespace podyn {

void begin_transaction();
void commit_transaction();

}  // namespace podyn
