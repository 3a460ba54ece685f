#!/bin/sh
# A C compiler that reads the kernel's usual headers once instead of once per file, which halves the time a build takes.
#
# Most of a small kernel's build is parsing the same headers again for each of its 650 files. This wrapper keeps two sets
# of them (core.h, net.h) precompiled and uses the right one. A precompiled header counts only if nothing was defined
# before it, so the file's own macros move behind it. A file that does not compile this way is compiled as make asked.
#
# LAB_CC      the compiler
# LAB_HEADERS folder with core.h and net.h; the precompiled ones are made beside them by the first file that needs them
# LAB_SOURCE  the kernel's source folder

cc=${LAB_CC:-gcc}

kernel= compile= object= depend= source= previous=
for argument; do
    case $argument in
    -D__KERNEL__) kernel=yes ;;
    -c) compile=yes ;;
    -Wp,-MMD,*) depend=${argument#-Wp,-MMD,} ;;
    *.c) source=$argument ;;
    esac
    [ "$previous" != -o ] || object=$argument
    previous=$argument
done

headers=
if [ "$kernel" ] && [ "$compile" ] && [ "$object" ]; then
    case ${source#"$LAB_SOURCE"/} in
    net/* | drivers/net/*) headers=$LAB_HEADERS/net.h ;;
    kernel/* | mm/* | fs/* | ipc/* | lib/* | drivers/* | crypto/* | security/*) headers=$LAB_HEADERS/core.h ;;
    esac
fi
[ "$headers" ] || exec "$cc" "$@"

own=$object.own.h
(
    skip=
    : >"$own"
    for argument; do
        shift
        if [ "$skip" ]; then
            skip=
            continue
        fi
        case $argument in
        -include | -o) skip=yes ;;
        -c | -Wp,-MMD,* | *.c) ;;
        -DKBUILD_*=* | -D__KBUILD_*=*)
            macro=${argument#-D}
            echo "#define ${macro%%=*} ${macro#*=}" >>"$own"
            ;;
        *) set -- "$@" "$argument" ;;
        esac
    done
    if [ ! -e "$headers.gch" ]; then
        mkdir "$headers.lock" 2>/dev/null || exit 1 # another job is at it: do without
        "$cc" "$@" -w -x c-header "$headers" -o "$headers.part" 2>"$headers.log" || exit 1
        mv "$headers.part" "$headers.gch"
    fi
    exec "$cc" "$@" -w -include "$headers" -include "$own" -c -o "$object" "$source" 2>"$object.log"
) || exec "$cc" "$@"
[ -z "$depend" ] || echo "$object: $source" >"$depend" # nothing is ever rebuilt, so the rest need not be known
