"""Words that announce a final answer, in English and the languages of MGSM."""

from __future__ import annotations

import re

_SO = r"(?:(?:so|thus|hence|therefore|and),?[ ])?"
_KIND = r"(?:(?:final|correct|overall|best|right|single|most likely|own)[, ]{1,2}){0,4}"
_IS = (
    r"(?:[ ](?:is|are|was|will be|would be|must be|should be|can be|has to be|equals)\b"
    r"|[ ]?[:=](?!=)|[ ]?[—–][ ])"
)
_ENGLISH = (
    rf"(?i:\b{_SO}(?:(?:the|my|our|your|its)[ ])?(?:{_KIND}(?:answers?|option|choice)|final result)\b"
    rf"(?:[ ](?:to|for)[ ][^.\n:=]{{1,80}}?)?(?:\*\*)?{_IS}(?:[ ]?\*\*)?[ ]?:?)"
)
_OTHERS = (
    r"(?i:\b(?:(?:die|unsere|meine)[ ](?:endgültige[ ]|richtige[ ]|finale[ ])?(?:antwort|lösung)"
    r"|das[ ](?:end|gesamt)ergebnis)[ ](?:lautet|ist)(?:[ ](?:also|daher|somit|folglich))?[ ]?:?"
    r"|\b(?:end)?(?:antwort|ergebnis|lösung)[ ]?:"  # de
    r"|\b(?:la[ ]respuesta(?:[ ](?:final|correcta))?|el[ ]resultado[ ]final)[ ]es"
    r"(?:[ ](?:entonces|por[ ](?:lo[ ])?tanto))?[ ]?,?:?"
    r"|\b(?:respuesta(?:[ ]final)?|resultado[ ]final)[ ]?:"
    r"|\b(?:la[ ]réponse(?:[ ](?:finale|correcte))?|le[ ]résultat[ ]final)[ ]est"
    r"(?:[ ](?:donc|alors|ainsi))?[ ]?:?|\b(?:réponse(?:[ ]finale)?|résultat[ ]final)[ ]?:"
    r"|\b(?:правильный[ ]|итоговый[ ]|окончательный[ ])?ответ(?:[ ]равен)?[ ]?[:—–-]"
    r"|\bответ[ ]равен[ ]?"
    r"|\bjibu(?:[ ]la[ ]mwisho|[ ]sahihi)?(?:[ ]ni[ ]?:?|[ ]?:))"  # sw
    r"|(?:(?m:^)|(?<=[\s。，；]))答[ ]?[:：][ ]?"
    r"|(?:最终|最後の|最终的)?(?:答案|回答)[ ]?(?:应该|應該)?[ ]?(?:是|为|為|[:：])[ ]?[:：]?"
    r"|(?:最終的な)?答え[ ]?(?:は|[:：])[ ]?"
    r"|คำตอบ(?:สุดท้าย)?[ ]?(?:คือ|ก็คือ|[:：])[ ]?"
    r"|(?:চূড়ান্ত[ ])?উত্তর(?:টি)?[ ]?(?:হল|হলো|হবে|[:：—–-])[ ]?:?"
    r"|(?:తుది[ ])?(?:సమాధానం|జవాబు)[ ]?[:：—–]?[ ]?"
)

CUE = re.compile(
    r"(?P<hashes>(?<!\#)\#{4}(?!\#)[ \t]{0,8})"
    r"|(?P<boxed>\\(?:boxed|fbox)[ ]?\{)"
    r"|(?P<label>(?m:^)[ \t*]{0,8}A(?:\*\*)?[ ]?:(?:\*\*)?[ \t]{0,8})"
    r"|(?P<heading>(?m:^)[ \t]{0,8}(?:\#{1,6}[ \t]{0,8})?(?:\*\*|__)?(?i:final[ ])?"
    r"[Aa](?i:nswer)[ ]?:?(?:\*\*|__)?[ \t]{0,8}:?[ \t]{0,8}(?:\n|$))"
    rf"|(?P<words>{_ENGLISH}|{_OTHERS})"
    r"|(?P<choice>(?i:\b(?:option|choice)[ ]{1,2})(?=\(?[A-Z]\)?[ ](?i:is)[ ]"
    r"(?i:the[ ])?(?i:correct|right|best)))"
)
"""Where a statement of the answer may begin; the answer follows."""

DOUBT = re.compile(
    r"(?i:\b(?:wait|hold on|hmm+|actually|scratch that|on second thought|alternatively"
    r"|that (?:is|was)(?: not right| wrong)|that['’]s (?:wrong|not right)|i made (?:a|an)"
    r"|not sure|let me (?!know)|i should (?:re)?check|but let['’]s)\b)"
)
"""Words behind a statement with which the reasoning goes on."""

COURTEOUS = re.compile(
    r"(?i:\b(?:let me know|feel free|(?:i )?hope (?:this|that|it)|if you(?:'d| would)? "
    r"(?:have|need|want|like)|would you like|do you (?:have|need|want)|happy to help)\b)"
)
"""Words to the reader, of sentences behind a statement that have nothing to do with it."""

EXPLAINED = re.compile(
    r"(?i:\b(?:check|checking|verif\w{1,8}|because|since|indeed|note|explanation|proof)\b)"
)
"""Words of a sentence behind a statement that only explains it."""
