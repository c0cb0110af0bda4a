"""Sentences that have nothing to do with any problem: of provided chains, and of ``control``."""

ASIDES_WITHOUT_NUMBER = (
    "The weather is calm and clear.",
    "A dog barks somewhere down the road.",
    "The kettle is about to boil.",
    "The neighbours are planting a hedge.",
    "The floor has just been swept.",
    "Someone is playing the piano upstairs.",
    "The clouds are moving slowly to the east.",
    "The curtains are a pale shade of green.",
)
