// Changes of PostgreSQL's own settings that end by themselves.
#pragma once

#include "compat.h"

namespace podyn {

// Until AtEOXact_GUC() with the level that NewGUCNestLevel() gave before, or an error.
inline void set_for_a_while(const char *name, const char *value)
{
    (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// Until the end of the transaction.
inline void set_for_transaction(const char *name, const char *value)
{
    (void)set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

}  // namespace podyn
