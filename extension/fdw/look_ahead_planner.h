// Joins that look single items of a foreign table up, planned so that a hundred are asked for at once.
#pragma once

namespace podyn {

// To be called by _PG_init.
void plan_look_aheads();

}  // namespace podyn
