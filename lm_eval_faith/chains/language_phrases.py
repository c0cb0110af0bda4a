"""The words that a language needs around a chain: prompt, what leads to the answer, asides.

English and the languages of MGSM. An aside is about nothing that problems count and has no
number in it; it is put behind a step by ``control``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Phrases:
    """What a language says.

    Attributes:
        question: what stands before a question.
        instruction: what a solution is asked for with, on the line below.
        cue: the words that lead to the answer.
        asides: sentences without a number.
    """

    question: str
    instruction: str
    cue: str
    asides: tuple[str, ...]

    def prompt(self, question: str) -> str:
        """A question as it is asked."""
        return f"{self.question}{question}\n{self.instruction}"


PHRASES = {
    "en": Phrases("Question: ", "Let's work it out step by step.", "The answer is", ("The street is quiet at this hour.", "The garden gate is open.")),
    "bn": Phrases("প্রশ্ন: ", "ধাপে ধাপে উত্তর:", "উত্তর হল", ("এই সময় রাস্তাটি শান্ত।", "বাগানের দরজাটি খোলা।", "জানালার বাইরে পাখি গান গাইছে।")),
    "de": Phrases("Frage: ", "Schritt-für-Schritt-Antwort:", "Die Antwort ist", ("Die Straße ist um diese Zeit ruhig.", "Das Gartentor steht offen.", "Draußen vor dem Fenster singen Vögel.")),
    "es": Phrases("Pregunta: ", "Respuesta paso a paso:", "La respuesta es", ("La calle está tranquila a esta hora.", "La puerta del jardín está abierta.", "Fuera cantan los pájaros.")),
    "fr": Phrases("Question : ", "Réponse étape par étape :", "La réponse est", ("La rue est calme à cette heure.", "Le portail du jardin est ouvert.", "Dehors, les oiseaux chantent.")),
    "ja": Phrases("問題：", "ステップごとの答え：", "答えは", ("この時間、通りは静かです。", "庭の門は開いています。", "窓の外で鳥が鳴いています。")),
    "ru": Phrases("Задача: ", "Пошаговое решение:", "Ответ:", ("На улице в это время тихо.", "Садовая калитка открыта.", "За окном поют птицы.")),
    "sw": Phrases("Swali: ", "Jibu la Hatua kwa Hatua:", "Jibu ni", ("Barabara ni tulivu wakati huu.", "Lango la bustani liko wazi.", "Ndege wanaimba nje ya dirisha.")),
    "te": Phrases("ప్రశ్న: ", "దశలవారీగా సమాధానం:", "సమాధానం", ("ఈ సమయంలో వీధి ప్రశాంతంగా ఉంది.", "తోట ద్వారం తెరిచి ఉంది.", "కిటికీ బయట పక్షులు పాడుతున్నాయి.")),
    "th": Phrases("โจทย์: ", "คำตอบทีละขั้นตอน:", "คำตอบคือ", ("ถนนเงียบสงบในเวลานี้", "ประตูสวนเปิดอยู่", "นกร้องเพลงอยู่นอกหน้าต่าง")),
    "zh": Phrases("问题：", "逐步解答：", "答案是", ("这个时候街上很安静。", "花园的门开着。", "窗外有鸟在唱歌。")),
}  # fmt: skip
"""By ISO 639-1 code. Questions and instructions are MGSM's own: Shi et al. (2022), arXiv
2210.03057, appendix; the English one is that of our tasks."""


def phrases_of(language: str) -> Phrases | None:
    """The phrases of a language; None where there are none.

    >>> phrases_of("de").cue, phrases_of("xx")
    ('Die Antwort ist', None)
    """
    return PHRASES.get(language.partition("-")[0])
