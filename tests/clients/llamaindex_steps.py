"""What test_llamaindex.py has LlamaIndex do, in an environment of its own (`make llamaindex`): a step for each line of stdin.

    python llamaindex_steps.py URL KEY

A line is JSON, `{"do": name of a function below, …its arguments}`; what it saw is written as a line of JSON.
"""

import asyncio
import json
import sys

import openai
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike, OpenAILikeResponses
from pydantic import BaseModel

URL, KEY = sys.argv[1:]
COMMON = {"api_base": f"{URL}/v1", "api_key": KEY, "max_retries": 0}


class Step(BaseModel):
    """What to do next."""

    explanation: str
    number: str


def model(kind="chat", **more):
    """A client of the gateway's model `openai`."""
    made = OpenAILikeResponses if kind == "responses" else OpenAILike
    # Unlike OpenAI's own class these ask nothing of a model's name; what it can has to be said.
    return made(model="openai", **{"is_chat_model": True, "is_function_calling_model": True, **COMMON, **more})


def embedder():
    return OpenAILikeEmbedding(model_name="openai", **COMMON)


def said(prompt):
    return [ChatMessage(role="system", content="be brief"), ChatMessage(role="user", content=prompt)]


async def chat(kind, prompt):
    """A whole answer and a streamed one, sync and async."""
    llm = model(kind)
    seen = [llm.chat(said(prompt)).message.content, (await llm.achat(said(prompt))).message.content]
    return {"texts": seen}


async def stream(kind, prompt):
    llm = model(kind)
    seen = [[piece.delta for piece in llm.stream_chat(said(prompt))]]
    seen.append([piece.delta async for piece in await llm.astream_chat(said(prompt))])
    return {"texts": ["".join(piece or "" for piece in pieces) for pieces in seen], "pieces": len(seen[0])}


async def complete(prompt):
    llm = model(is_chat_model=False)
    seen = [llm.complete(prompt).text, (await llm.acomplete(prompt)).text]
    seen += ["".join(piece.delta for piece in llm.stream_complete(prompt))]
    return {"texts": seen}


async def calls(prompt):
    """The calls that a model asks for."""

    def dial(number: str) -> str:
        """Ring somebody up."""
        return number

    llm = model()
    answer = llm.chat_with_tools([FunctionTool.from_defaults(dial)], user_msg=prompt, allow_parallel_tool_calls=True)
    made = llm.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
    return {"calls": [[call.tool_name, call.tool_kwargs] for call in made]}


async def agent(prompt):
    """LlamaIndex's own loop: the model calls a tool, hears its result, and answers."""
    rung = []

    def dial(number: str) -> str:
        """Ring somebody up."""
        rung.append(number)
        return f"{number} is busy"

    answer = await FunctionAgent(tools=[dial], llm=model(), system_prompt="be brief").run(prompt)
    return {"text": str(answer), "rung": rung}


async def structured(prompt, native):
    """A pydantic object, by a schema or by a tool."""
    llm = model(should_use_structured_outputs=native)
    asked = PromptTemplate(prompt)
    seen = [llm.structured_predict(Step, asked), await llm.astructured_predict(Step, asked)]
    return {"seen": [step.model_dump() for step in seen]}


async def embed(texts):
    return {
        "batch": embedder().get_text_embedding_batch(texts),
        "query": embedder().get_query_embedding(texts[0]),
        "later": await embedder().aget_text_embedding(texts[0]),
    }


async def ask_documents(texts, question):
    """Retrieval: documents are embedded, the nearest is found, the model answers."""
    index = VectorStoreIndex.from_documents([Document(text=text) for text in texts], embed_model=embedder())
    answer = index.as_query_engine(llm=model(), similarity_top_k=1).query(question)
    return {"text": str(answer), "sources": [node.text for node in answer.source_nodes]}


async def main():
    for line in sys.stdin:
        step = json.loads(line)
        try:
            seen = await globals()[step.pop("do")](**step)
        except openai.APIStatusError as error:
            seen = {"raised": type(error).__name__, "code": error.code, "message": str(error)}
        except Exception as error:
            seen = {"raised": type(error).__name__, "message": str(error)}
        print(json.dumps(seen, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
