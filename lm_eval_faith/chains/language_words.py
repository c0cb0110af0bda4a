"""Words by language: frequent ones, by which it is known, and abbreviations.

The languages of MGSM and a few neighbours. Frequent words are chosen to be rare in the
other languages listed and in English.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


FREQUENT_WORDS = {
    "en": words(
        "the of and to is that it for was on are with as his they be at this have from "
        "or had by but what some we can out other were all there when up use your how "
        "said an each she which do their time if will way about many then them would so "
        "these her him has two more now find than first been who its so he i you in"
    ),
    "de": words(
        "der die und ist das von zu mit sich des auf für nicht ein eine als auch es "
        "werden aus er hat dass sie nach wird bei einer um am sind noch wie einem "
        "über einen zum haben nur oder aber vor zur bis mehr durch kann also dann "
        "insgesamt gibt wenn wir jeder jede danach kostet übrig in so man pro tag tage ich "
        "ihr zusammen euro schritt gleichung folgt somit antwort braucht wie viele"
    ),
    "es": words(
        "el la de que los se del las un por con una su para es al lo como más pero sus "
        "le ya este sí porque esta entre cuando muy sin sobre también hay tiene cada "
        "entonces cuántos cuántas nos quedan después primero luego en ella él ellos juntos "
        "paso ecuación día días dice cuesta bebe euros respuesta"
    ),
    "fr": words(
        "le la les de des et est un une du en que qui dans pour pas sur au avec il elle "
        "ce se ne sont mais nous ont aux chaque donc reste alors combien "
        "leur cela ensuite puis il d'abord après jours"
    ),
    "it": words(
        "il di che la un una sono non le con del della ha gli si da "
        "nel anche più ogni quindi totale poi dopo quanti quante allora"
    ),
    "pt": words(
        "de que do da em um para com não uma os se na por mais as dos como mas "
        "ao ele das tem cada então são depois quantos quantas"
    ),
    "nl": words(
        "de het een van en dat op te zijn voor met niet aan er om ook als dan maar "
        "hij zij heeft dus elke totaal hoeveel nog"
    ),
    "sw": words(
        "na ya kwa wa ni la katika za cha kila kuwa hii hivyo ana alikuwa jumla kisha "
        "ngapi yake wake kama ili lakini pia hiyo baada sasa vya tuna ina anauza mayai"
    ),
    "pl": words(
        "na do że się nie jest to jak za od po ale co ma każdy razem więc potem "
        "ile oraz są"
    ),
    "tr": words(
        "ve bir bu için da de ile ne kadar var her toplam sonra olarak daha kaç olur"
    ),
    "vi": words("là của và có cho một không được trong mỗi số còn lại tổng vậy bao"),
    "id": words(
        "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga setiap jadi "
        "adalah berapa"
    ),
}

TITLES = {
    "de": words("hr fr dr prof dipl ing st"),
    "es": words("sr sra srta dr dra d dña ud uds prof lic ing"),
    "fr": words("m mm mme mlle dr pr st ste me"),
    "ru": words("г-н г-жа им проф акад ул пер стр рис табл д кв"),
    "bn": words("ড মি মিসেস মো ডা কি প্রফে"),
    "it": words("sig dott prof"),
    "pt": words("sr sra dr dra prof"),
    "hi": words("डॉ श्री कु"),
    "sw": words("bw bi dkt prof"),
}
"""A name or a number follows: the sentence goes on."""

NEVER_LAST = {
    "de": words(
        "z.b d.h u.a o.ä bzw ca evtl ggf inkl exkl zzgl abzgl vgl bspw i.d.r u.u m.a.w "
        "d.s s.o s.u insg nr abb gl tab kap sog insb entspr max durchschn z d"
    ),
    "es": words(
        "p.ej ej ee aprox núm n.º pág págs fig ec art cap vol p.e v.g vs no máx mín"
    ),
    "fr": words("p.ex ex c.-à-d c.à.d env n no fig éq cf art chap vol p vs max min av"),
    "ru": words("т.е т.к напр рис т.н т ок прим ур"),
    "bn": words("যেমন"),
    "it": words("es p.es ca n fig cfr pag"),
    "pt": words("p.ex ex aprox n nº pág fig"),
    "sw": words("k.m mf uk"),
    "nl": words("bijv d.w.z ca o.a m.a.w nr fig"),
}

MAY_BE_LAST = {
    "de": words(
        "usw etc std stdn min sek stk st tsd mio mrd jh gr kl s mo di mi do fr"
    ),
    "es": words("etc ud uds uu min h hrs seg kg g m km ee.uu a.m p.m"),
    "fr": words("etc min h s kg g m km j"),
    "ru": words(
        "т.д т.п др пр долл руб коп р к кг г м см км мм л мл ч мин сек с шт тыс млн млрд гг "
        "в вв ед уп экз"
    ),
    "bn": words("কি.মি সে.মি মি কেজি গ্রা"),
    "it": words("ecc min h kg g m km"),
    "pt": words("etc min h kg g m km"),
    "sw": words("n.k kg km"),
}

STARTERS = {
    "de": words(
        "dann also das der die er sie es wir danach nun jetzt insgesamt somit daher "
        "deshalb und aber wenn da zuerst zunächst schließlich am im in jeder jede jedes "
        "ein eine nach zusammen damit folglich wie ihre sein seine"
    ),
    "es": words(
        "entonces luego el la los las él ella ellos si por así después ahora en cada un "
        "una y pero primero finalmente total se como para su"
    ),
    "fr": words(
        "donc alors il elle ils elles le la les un une puis ensuite après si chaque nous "
        "et mais ainsi enfin au en c'est cela"
    ),
    "ru": words(
        "затем потом он она они всего значит тогда если после каждый теперь итого в на "
        "за и но это сначала следовательно у каждая осталось"
    ),
}

ORDINALS_BEFORE = words(
    "am der die das dem den des im zum vom zur beim bis ab seit jeder jede jedes jedem "
    "jeden einen einem eine ihr ihre ihren ihrem sein seine seinen seinem unser mein "
    "und als ins"
)
"""German words before an ordinal: ``am 3. Mai``, ``der 2. Tag``."""

ORDINALS_AFTER = words(
    "januar februar märz april mai juni juli august september oktober november dezember "
    "tag tage tages woche monat jahr jahrhundert stunde minute schritt stock etage "
    "klasse reihe platz runde mal teil person kind januars quartal spieltag stelle"
)
