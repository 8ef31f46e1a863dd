/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/top_level.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"

/* ISO 3166 as IANA delegates it. */
static const char countries[] =
	"ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br "
	"bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do "
	"dz ec ee eg er es et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt "
	"gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp "
	"kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms "
	"mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr "
	"ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx "
	"sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn "
	"vu wf ws ye yt za zm zw";

static const char common[] =
	"com net org edu gov mil int arpa info biz name pro mobi asia app dev page cloud tech "
	"online site website store shop live world space blog news wiki link click club top icu vip "
	"xyz zone land build codes download software email host hosting domains digital global one "
	"new zip foo bot chat fun art design academy training company agency studio ventures works "
	"run energy life today guru ninja rocks fyi ltd inc llc gmbh google amazon aws microsoft "
	"azure apple";

bool
top_level_known(const char *label)
{
	return str_in_list(countries, label) || str_in_list(common, label);
}

bool
top_level_missing(const char *host)
{
	const char *dot = strchr(host, '.');

	return dot && dot > host && isalpha((unsigned char)dot[1]) && !strchr(dot + 1, '.') && !top_level_known(dot + 1);
}
