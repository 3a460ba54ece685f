/* Headers most files outside net/ include; see cc.sh. The first three are those make puts before every file. */
#include <linux/compiler-version.h>
#include <linux/kconfig.h>
#include <linux/compiler_types.h>
#define KBUILD_MODNAME "core"
#define pr_fmt(fmt) fmt
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/proc_fs.h>
#include <linux/syscalls.h>
#include <linux/skbuff.h>
#undef KBUILD_MODNAME
