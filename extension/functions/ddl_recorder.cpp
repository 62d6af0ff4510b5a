// See ddl_recorder.h.
#include "functions/ddl_recorder.h"

namespace podyn {
namespace {

RecordedDdl *recorded = nullptr;
ProcessUtility_hook_type previous_hook = nullptr;

bool is_ddl(const Node *statement)
{
    return IsA(statement, CreateStmt) || IsA(statement, IndexStmt) || IsA(statement, AlterTableStmt);
}

void process_utility(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
                     ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver,
                     QueryCompletion *completion)
{
    bool wanted = recorded != nullptr && context != PROCESS_UTILITY_SUBCOMMAND && is_ddl(statement->utilityStmt);
    if (previous_hook != nullptr)
        previous_hook(statement, text, read_only, context, parameters, environment, receiver, completion);
    else
        standard_ProcessUtility(statement, text, read_only, context, parameters, environment, receiver, completion);
    if (!wanted || recorded == nullptr)
        return;
    MemoryContext old = MemoryContextSwitchTo(recorded->context);
    recorded->statements = lappend(recorded->statements, pstrdup(text));
    MemoryContextSwitchTo(old);
}

}  // namespace

void record_ddl(RecordedDdl *into)
{
    recorded = into;
    if (ProcessUtility_hook == process_utility)
        return;
    previous_hook = ProcessUtility_hook;
    ProcessUtility_hook = process_utility;
}

// The hook stays where somebody has put another one before it; it does nothing then.
void stop_recording_ddl()
{
    recorded = nullptr;
    if (ProcessUtility_hook == process_utility)
        ProcessUtility_hook = previous_hook;
}

}  // namespace podyn
