#!/usr/bin/env bash
# Proves that the build's check of the wall (cmake/check_wall.sh) fails where the wall is broken, and names the place.
# Prints one line per case, "ok - …" or "not ok - …".
set -uo pipefail
check=$(cd "$(dirname "$0")/.." && pwd)/cmake/check_wall.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

report() {
    local result=$1 sentence=$2 output=$3
    echo "$result - $sentence"
    [ "$result" = ok ] && return
    failed=1
    [ -z "$output" ] || echo "$output" | sed 's/^/    /'
}

# accepts SENTENCE KIND INPUT…
accepts() {
    local sentence=$1 output
    shift
    if output=$("$check" "$@" 2>&1); then report ok "$sentence" ""; else report "not ok" "$sentence" "$output"; fi
}

# refuses SENTENCE FILE SYMBOL KIND INPUT…   (the message must name both; "" for none)
refuses() {
    local sentence=$1 file=$2 symbol=$3 output
    shift 3
    if output=$("$check" "$@" 2>&1); then
        report "not ok" "$sentence" "it was accepted"
    elif [[ $output != *"$file"* || $output != *"$symbol"* ]]; then
        report "not ok" "$sentence" "does not name \"$file\" and \"$symbol\": $output"
    else
        report ok "$sentence" ""
    fi
}

# object NAME: compiles standard input as the extension's sources are compiled, but with exceptions, into NAME.o
object() {
    g++ -std=c++20 -O2 -fPIC -x c++ -c - -o "$1.o"
}

# module NAME: links standard input into NAME.so with default visibility
module() {
    g++ -std=c++20 -O2 -fPIC -shared -nostdlib -x c++ - -o "$1.so"
}

object sound <<'E'
#include <cstddef>
#include <span>
#include <string_view>
namespace podyn::engine { std::size_t count(std::string_view text, std::span<const int> numbers) noexcept; }
extern "C" std::size_t use() { return podyn::engine::count("a view in a signature is fine", {}); }
E
object throws <<'E'
extern "C" void use() { throw 1; }
E
object allocates <<'E'
extern "C" int *use() { return new int[7]; }
E
object frees <<'E'
extern "C" void use(int *numbers) { delete numbers; }
E
object holds_a_string <<'E'
#include <string>
void take(const std::string &);
extern "C" void use(const char *text) { take(std::string(text)); }
E
object guards_a_static <<'E'
int make();
extern "C" int use() { static int once = make(); return once; }
E
object catches <<'E'
void may_throw();
extern "C" void use() { try { may_throw(); } catch (...) { } }
E

accepts "an object that only passes views is sound" objects sound.o
refuses "an object that throws" throws.o __cxa_throw objects throws.o
refuses "an object that calls operator new" allocates.o _Zna objects allocates.o
refuses "an object that calls operator delete" frees.o _Zdl objects frees.o
refuses "an object that holds a std::string" holds_a_string.o _ZSt objects holds_a_string.o
refuses "an object with a guarded static" guards_a_static.o __cxa_guard_acquire objects guards_a_static.o
refuses "an object that catches" catches.o __gxx_personality objects catches.o
refuses "a broken object behind a sound one" throws.o __cxa_throw objects sound.o throws.o
refuses "an object that does not exist" no_such.o "" objects no_such.o

# source FOLDER INCLUDE: a folder with an engine source that includes it
source_with() {
    mkdir -p "$1/deep"
    printf '#include <string>\n%s\nint f();\n' "$2" >"$1/deep/thing.cpp"
}

source_with plain '#include "engine/status.h"'
source_with mentions '// the engine knows nothing of postgres.h'
source_with server '#include "postgres.h"'
source_with angled '#  include <postgres.h>'
source_with nested '#include "utils/builtins.h"'
source_with wide_characters '#include "mb/pg_wchar.h"'
source_with string_buffer '#include "lib/stringinfo.h"'
source_with client '#include <libpq-fe.h>'
source_with full_path '#include <postgresql/15/server/postgres.h>'

accepts "a source that includes the engine's own headers" sources plain
accepts "a source that only mentions PostgreSQL" sources mentions
for folder in server angled nested wide_characters string_buffer client full_path; do
    include=$(sed -n 's/.*[<"]\(.*\)[>"].*/\1/p' $folder/deep/thing.cpp | tail -n 1)
    refuses "a source that includes $include ($folder)" thing.cpp "$include" sources $folder
done
refuses "a folder that does not exist" no_such_folder "" sources no_such_folder

cat >podyn.sql <<'E'
CREATE FUNCTION podyn_version() RETURNS text AS 'MODULE_PATHNAME', 'podyn_version' LANGUAGE C;
E
exports='
extern "C" {
int Pg_magic_func() { return 1; }
int _PG_init() { return 1; }
int podyn_launcher_main() { return 1; }
int podyn_supervisor_main() { return 1; }
int podyn_worker_main() { return 1; }
int podyn_version() { return 1; }
int pg_finfo_podyn_version() { return 1; }
}'
module sound <<<"$exports"
module chatty <<<"$exports
extern \"C\" int a_stray_symbol() { return 1; }"
module named_like_ours <<<"$exports
extern \"C\" int podyn_helper() { return 1; }"
module leaky <<<"$exports
namespace podyn::engine { int secret() { return 1; } }"
module variable <<<"$exports
int counter = 1;"
module incomplete <<<"${exports/int podyn_version() \{ return 1; \}/}"

accepts "a module that exports what PostgreSQL calls" module sound.so podyn.sql
refuses "a module that exports another function" chatty.so a_stray_symbol module chatty.so podyn.sql
refuses "a module that exports a function that no SQL declares" named_like_ours.so podyn_helper \
    module named_like_ours.so podyn.sql
refuses "a module that exports the engine" leaky.so _ZN5podyn6engine6secretEv module leaky.so podyn.sql
refuses "a module that exports a variable" variable.so counter module variable.so podyn.sql
refuses "a module without a function that the SQL declares" incomplete.so podyn_version module incomplete.so podyn.sql

exit $failed
