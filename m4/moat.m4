# MOAT_CFLAG(VARIABLE, FLAG): appends FLAG to VARIABLE when compiler and linker take it without a word.
AC_DEFUN([MOAT_CFLAG], [_MOAT_FLAG([$1], [$2], [CFLAGS])])

# MOAT_LDFLAG(VARIABLE, FLAG): the same for a flag of the link alone.
AC_DEFUN([MOAT_LDFLAG], [_MOAT_FLAG([$1], [$2], [LDFLAGS])])

AC_DEFUN([_MOAT_FLAG], [
AS_VAR_PUSHDEF([accepted], [moat_cv_flag_$3_$2])
AC_CACHE_CHECK([whether $2 is accepted], [accepted], [
  moat_saved_CFLAGS=$CFLAGS
  moat_saved_LDFLAGS=$LDFLAGS
  CFLAGS="$CFLAGS -Werror"
  $3="$[]$3 $2"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([#include <stdio.h>], [puts("");])],
    [AS_VAR_SET([accepted], [yes])], [AS_VAR_SET([accepted], [no])])
  CFLAGS=$moat_saved_CFLAGS
  LDFLAGS=$moat_saved_LDFLAGS
])
AS_VAR_IF([accepted], [yes], [$1="$[]$1 $2"])
AS_VAR_POPDEF([accepted])
])
